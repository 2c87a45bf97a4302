"""Changes things behind vvbill's back: argv[1] is a list of {kind, region, id}.

Each kind has its own script here, which takes the id as argv[1] and finds endpoint and region in the environment.
"""

import json
import os
import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).parent

for one in json.loads(sys.argv[1]):
    script = HERE / f"{one['kind']}.py"
    if not script.exists():
        sys.exit(f"there is no {script.name}: write what changes a {one['kind']} behind our back")
    os.environ["AWS_DEFAULT_REGION"] = one["region"]
    sys.argv = [str(script), one["id"]]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except Exception as why:
        sys.exit(f"{script.name} {one['id']}: {type(why).__name__}: {why}")
