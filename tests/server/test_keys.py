import json
import os
import stat
import subprocess
import sys

import pytest

from paper_bitmart.server import keys
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
        ('{"version":1,"admin_token":"","keys":[]}', "admin_token"),
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


def test_all_servers_on_one_file_have_the_token_that_the_file_was_made_with(tmp_path):
    path = tmp_path / "keys.json"
    first, second = KeyStore.open(path), KeyStore.open(path)
    token = first.admin_token
    for store in (second, first):
        store.create(f"by-{store.admin_token[:3]}")
        assert json.loads(path.read_text())["admin_token"] == token
    assert first.is_admin(second.admin_token)
    assert second.is_admin(token)


def test_a_token_that_was_handed_out_stays_good_when_the_file_is_made_anew(tmp_path):
    path = tmp_path / "keys.json"
    running = KeyStore.open(path)
    told = running.admin_token
    path.unlink()
    fresh = KeyStore.open(path).admin_token
    running.create("a")
    assert running.is_admin(told)
    assert KeyStore.open(path).admin_token == fresh


_MAKER = """
import sys
from pathlib import Path
from paper_bitmart.server.keys import KeyStore
sys.stdin.readline()
store = KeyStore.open(Path(sys.argv[1]))
for number in range(20):
    store.create(f"{sys.argv[2]}-{number}")
print(store.admin_token)
"""


def test_servers_that_start_at_the_same_moment_agree_on_token_and_keys(tmp_path):
    path = tmp_path / "keys.json"
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKER, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b", "c")
    ]
    for maker in makers:
        maker.stdin.write("go\n")
        maker.stdin.flush()
    tokens = {maker.communicate(timeout=60)[0].strip() for maker in makers}
    store = KeyStore.open(path)
    assert tokens == {store.admin_token}
    assert {key.account for key in store} == {f"{name}-{n}" for name in "abc" for n in range(20)}


def test_a_file_that_another_process_keeps_locked_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "_LOCK_WAIT_S", 0.02)
    path = tmp_path / "keys.json"
    with keys._alone(path), pytest.raises(KeysError, match="locked by another process"):
        KeyStore.open(path)
