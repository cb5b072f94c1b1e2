"""Finds or installs a Chromium for the browser tests and prints its path."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install_by_apt() -> None:
    """Install Debian's package where that is possible: as root, with apt."""
    if os.getuid() != 0 or not shutil.which("apt-get"):
        return
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    install = ["apt-get", "install", "-qy", "--no-install-recommends", "chromium", "fonts-noto-cjk"]
    for command in (["apt-get", "update", "-q"], install):
        subprocess.run(command, env=environment, stdout=sys.stderr, stderr=sys.stderr, check=False)


def install_by_playwright() -> str | None:
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(command, stdout=sys.stderr, stderr=sys.stderr).returncode:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def main() -> None:
    """Print the path of a Chromium, or one sentence that says what to install."""
    path = found()
    if path is None:
        install_by_apt()
        path = found() or install_by_playwright()
    if path is None:
        sys.exit("No Chromium was found for the browser tests. Install your system's package 'chromium'.")
    print(path)


if __name__ == "__main__":
    main()
