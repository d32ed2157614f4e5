#!/bin/sh
# The browser tests need a Chromium. One that is installed is used; else Debian's package, else Playwright's download.
set -u
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null && exit 0
fi
.venv/bin/playwright install chromium && exit 0
echo "No Chromium for the browser tests: install one (apt install chromium) and run this again." >&2
exit 1
