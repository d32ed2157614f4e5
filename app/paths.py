"""Where the project's own folders lie: templates, static files, languages, migrations and the demo."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
LOCALE = ROOT / "locale"
MIGRATIONS = ROOT / "migrations"
DEMO = ROOT / "demo"
