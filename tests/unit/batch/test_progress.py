"""The bar of a batch, and the lines above it."""

from sandbox_magic.batch.progress import Progress


def test_a_line_stands_there_as_it_is(capsys):
    line = ":skull: [bold]name[/bold] [link=x]y[/link] 1 of 2"
    progress = Progress(None)
    progress.say(line)
    progress.close()
    assert line in capsys.readouterr().err.splitlines()
