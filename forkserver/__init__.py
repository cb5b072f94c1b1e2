"""The process that imports the heavy libraries once, and becomes one Run after another by forking itself."""
