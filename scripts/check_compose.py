"""Gate: docker-compose.yml fits the Compose Specification's schema, names only what exists, and our own commands."""

import json
import sys
from typing import Any

import yaml
from jsonschema import Draft7Validator
from typer.main import get_command

from app.cli import build
from app.paths import ROOT
from app.settings import variable_names

FOREIGN = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}


def main() -> int:
    """Run the gate; returns the exit code."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    schema = json.loads((ROOT / "scripts/schemas/compose-spec.json").read_text())
    problems = [
        f"{'/'.join(str(part) for part in error.path)}: {error.message}"
        for error in Draft7Validator(schema).iter_errors(compose)
    ]
    problems += [
        problem for name, service in compose["services"].items() for problem in _service(name, service, compose)
    ]
    for problem in problems:
        print(f"docker-compose.yml: {problem}", file=sys.stderr)
    if not problems:
        print(f"docker-compose.yml: {len(compose['services'])} services fit the specification.")
    return 1 if problems else 0


def _service(name: str, service: dict[str, Any], compose: dict[str, Any]) -> list[str]:
    """What the schema cannot see: unknown settings, services, volumes, build targets and commands of ours."""
    problems = [
        f"{name}: there is no setting {key}"
        for key in service.get("environment", {})
        if key not in {*variable_names(), *FOREIGN}
    ]
    problems += [
        f"{name}: depends on the unknown {other}"
        for other in service.get("depends_on", {})
        if other not in compose["services"]
    ]
    problems += [
        f"{name}: the volume {volume} is not declared"
        for volume in (mount.partition(":")[0] for mount in service.get("volumes", []))
        if volume not in compose["volumes"]
    ]
    target = service.get("build", {}).get("target")
    if target and f" AS {target}\n" not in (ROOT / "Dockerfile").read_text():
        problems.append(f"{name}: the Dockerfile has no stage {target}")
    command = service.get("command", [])
    if command[:1] == ["tastemaker"] and command[1] not in _our_commands():
        problems.append(f"{name}: there is no command tastemaker {command[1]}")
    return problems


def _our_commands() -> set[str]:
    return set(get_command(build()).commands)  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
