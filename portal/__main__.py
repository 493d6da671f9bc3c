"""``python -m portal`` serves the door as the environment says."""

import os

from jobs.settings import Settings
from portal.serving import serve

if __name__ == "__main__":
    serve(Settings.from_env(os.environ))
