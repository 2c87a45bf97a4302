"""Takes the program `terraform` out of an archive: URL SHA256 FILE. Only a whole and right one gets its name."""

import hashlib
import io
import os
import sys
import urllib.request
import zipfile

url, wanted, path = sys.argv[1:]
try:
    with urllib.request.urlopen(url, timeout=60) as answer:
        archive = answer.read()
except OSError as why:
    sys.exit(f"{url} can't be fetched: {why}; put `terraform` on PATH yourself, then run this again")
program = zipfile.ZipFile(io.BytesIO(archive)).read("terraform")
found = hashlib.sha256(program).hexdigest()
if found != wanted:
    sys.exit(f"{url} holds another program than expected: SHA-256 {found} instead of {wanted}")
os.makedirs(os.path.dirname(path), exist_ok=True)
with open(f"{path}.partial", "wb") as file:
    file.write(program)
os.chmod(f"{path}.partial", 0o755)
os.replace(f"{path}.partial", path)
