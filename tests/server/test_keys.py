import os
import stat

import pytest

from paper_bitmart.server.keys import ApiKey, KeysError, KeyStore, Permission


def test_a_created_key_is_found_again_after_reopening(tmp_path):
    store = KeyStore.open(tmp_path / "keys.json")
    key = store.create("alice", memo="m", permissions=[Permission.READ], expires_ns=5, ips=["127.0.0.1"])
    again = KeyStore.open(tmp_path / "keys.json")
    assert again.find(key.access_key) == key
    assert again.admin_token == store.admin_token
    assert again.find("unknown") is None


@pytest.mark.skipif(os.name != "posix", reason="file modes are a posix notion")
def test_the_file_is_for_its_owner_only(tmp_path):
    path = tmp_path / "state" / "keys.json"
    KeyStore.open(path).create("alice")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(KeysError, match="chmod 600"):
        KeyStore.open(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not json", "not a key file"),
        ('{"version":1,"admin_token":"t"}', "not a key file"),
        ('{"version":9,"admin_token":"t","keys":[]}', "version 9"),
        (
            '{"version":1,"admin_token":"t","keys":['
            '{"access_key":"a","secret":"s","memo":"m","account":"x"},'
            '{"access_key":"a","secret":"s","memo":"m","account":"x"}]}',
            "twice",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_path_and_the_reason(tmp_path, text, why):
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeysError, match=why) as error:
        KeyStore.open(path)
    assert error.value.path == path


def test_a_key_never_shows_its_secret_in_its_repr():
    key = ApiKey(access_key="abcdefgh", secret="top-secret", memo="memo-text", account="alice")
    assert "top-secret" not in repr(key)
    assert "memo-text" not in repr(key)
    store = KeyStore(None)
    store.put(key)
    assert "top-secret" not in repr(store)
    assert store.admin_token not in repr(store)


def test_only_the_exact_token_is_the_admins():
    store = KeyStore(None)
    assert store.is_admin(store.admin_token)
    assert not store.is_admin("")
    assert not store.is_admin(store.admin_token + "x")
    assert not store.is_admin("\udcff")


def test_keys_are_listed_by_account():
    store = KeyStore(None)
    mine = [store.create("a"), store.create("a")]
    store.create("b")
    assert store.of_account("a") == mine
    assert len(store) == 3


def test_two_servers_on_one_file_keep_each_others_keys(tmp_path):
    path = tmp_path / "keys.json"
    first, second = KeyStore.open(path), KeyStore.open(path)
    made = [first.create("a"), second.create("b"), first.create("c")]
    assert sorted(KeyStore.open(path), key=repr) == sorted(made, key=repr)
    assert [key.account for key in first] == ["a", "c"]
