"""Groups of commands, such as `tastemaker checkpoint …`, that several packages add to."""

import typer


def group(app: typer.Typer, name: str, text: str) -> typer.Typer:
    """The group of this name, made at the first call with `text` as its help."""
    for known in app.registered_groups:
        if known.name == name and known.typer_instance is not None:
            return known.typer_instance
    made = typer.Typer(help=text, no_args_is_help=True)
    app.add_typer(made, name=name)
    return made
