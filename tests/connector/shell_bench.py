"""A shell over a tiny recorded market with stepped time: lines in, what was said out."""

from small_market import MARKET, Files

from paper_bitmart.connector.paper_exchange import PaperOptions, open_exchange
from paper_bitmart.connector.shell import Shell


class Spoken:
    """A shell's session after its lines were done. `said` and `errors`: texts in order."""

    def __init__(self, shell, said, errors):
        self.shell, self.said, self.errors = shell, said, errors

    @property
    def text(self):
        return "\n".join(self.said)


def options(folder, market=MARKET, **settings):
    files = Files(folder, market=market)
    return PaperOptions(capture=files.capture, symbols=files.symbols, speed=None, **settings)


async def speak(paper_options, *lines):
    """Run a session of these lines; the shell listens from the first one on."""
    said, errors = [], []
    exchange = open_exchange(paper_options)
    shell = Shell(exchange, said.append, errors.append)
    try:
        await exchange.start()
        stop_listening = shell.listen()
        for line in lines:
            await shell.execute(line)
        stop_listening()
    finally:
        await exchange.session.close()
    return Spoken(shell, said, errors)
