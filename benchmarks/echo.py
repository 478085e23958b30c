"""A bare aiohttp server that answers every POST with its own body: what the machine and aiohttp cost."""

import asyncio

from aiohttp import web


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read(), content_type="application/json")


async def _serve() -> None:
    app = web.Application()
    app.router.add_post("/{path:.*}", _echo)
    # As paper_bitmart's server: no access log.
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"ready: echo on {host}, port {port}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> None:
    try:
        asyncio.run(_serve())
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
