"""Packages that a test compares with, from this Python or from the environment that PARALLM_VENV names."""
import importlib
import os
import sys


def load(module):
    """The module of this name. Where it lacks a package, the program begins anew in that environment, and where that lacks it
    too, it ends as skipped (77)."""
    try:
        return importlib.import_module(module)
    except ImportError as e:
        python = os.path.join(os.environ.get("PARALLM_VENV", ""), "bin", "python")
        if os.path.exists(python) and os.environ.get("PARALLM_IN_VENV") != "1":
            os.environ["PARALLM_IN_VENV"] = "1"
            os.execv(python, [python, *sys.argv])
        print("skipped: %s" % e)
        sys.exit(77)
