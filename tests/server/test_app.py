import gzip

import aiohttp
import pytest
from rest_support import ALICE, START_NS, serving

from paper_bitmart.exchange.clock import SimulatedClock
from paper_bitmart.server.app import Server, create_app
from paper_bitmart.server.keys import KeyStore
from paper_bitmart.server.settings import ServerSettings, SettingsError


def app_of(exchange, settings):
    keys = KeyStore()
    keys.put(ALICE)
    return create_app(exchange.session, settings, keys=keys, wall=SimulatedClock(START_NS))


async def test_a_server_on_port_0_tells_where_it_listens():
    settings = ServerSettings(port=0)
    async with serving() as exchange:
        async with Server(app_of(exchange, settings), settings) as server, aiohttp.ClientSession() as http:
            assert server.port > 0
            assert server.url == f"http://127.0.0.1:{server.port}"
            async with http.get(f"{server.url}/system/time") as response:
                assert (await response.json())["code"] == 1000
            for path in ("/api", "/user"):
                async with http.ws_connect(f"{server.ws_url}{path}?protocol=1.1") as socket:
                    await socket.send_str("ping")
                    assert (await socket.receive()).data == "pong"
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get(f"{server.url}/system/time")


async def test_open_websockets_are_closed_when_the_server_stops():
    settings = ServerSettings(port=0)
    async with serving() as exchange, aiohttp.ClientSession() as http:
        async with Server(app_of(exchange, settings), settings) as server:
            socket = await http.ws_connect(f"{server.ws_url}/api")
            await socket.send_str("ping")
            assert (await socket.receive()).data == "pong"
        message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)


@pytest.mark.parametrize("body", [b"junk", gzip.compress(b"{}", mtime=0)])
async def test_a_signature_covers_the_bytes_as_sent_whatever_their_encoding(body):
    settings = ServerSettings(port=0)
    async with serving() as exchange, Server(app_of(exchange, settings), settings) as server:
        headers = exchange.signed(body) | {"Content-Encoding": "gzip"}
        async with aiohttp.ClientSession() as http:
            response = await http.post(f"{server.url}/spot/v4/cancel_all", headers=headers, data=body)
            assert (await response.json())["code"] == 30018


async def test_a_port_in_use_names_the_setting():
    async with serving() as exchange:
        settings = ServerSettings(port=0)
        async with Server(app_of(exchange, settings), settings) as server:
            taken = ServerSettings(port=server.port)
            with pytest.raises(SettingsError, match=f"port: must be free on .*{server.port}"):
                await Server(app_of(exchange, taken), taken).start()


async def test_an_ipv6_address_is_put_in_brackets():
    async with serving() as exchange:
        settings = ServerSettings(host="::1", port=0)
        server = Server(app_of(exchange, settings), settings)
        assert (server.url, server.ws_url) == ("http://[::1]:0", "ws://[::1]:0")


async def test_without_keys_everyone_is_a_stranger():
    async with serving() as exchange:
        settings = ServerSettings(port=0)
        async with Server(create_app(exchange.session), settings) as server, aiohttp.ClientSession() as http:
            response = await http.get(f"{server.url}/spot/v1/wallet", headers={"X-BM-KEY": "any"})
            assert (await response.json())["code"] == 30002
