"""Where the project's own folders lie: the templates, the static files, the migrations and the demo."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
MIGRATIONS = ROOT / "migrations"
DEMO = ROOT / "demo"
