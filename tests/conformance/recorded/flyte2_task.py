"""What stands in for the image of the recorded containers: writes what it is told to, waits, ends as it is told to."""

import argparse
import base64
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--outb64")
parser.add_argument("--errb64")
parser.add_argument("--report")
parser.add_argument("--sleep", type=float, default=0.0)
parser.add_argument("--exit", type=int, default=0)
options = parser.parse_args()
place = Path(options.out.removeprefix("file://"))
print("hello")
time.sleep(options.sleep)
for name, text in (("outputs.pb", options.outb64), ("error.pb", options.errb64)):
    if text is not None:
        (place / name).write_bytes(base64.b64decode(text))
if options.report is not None:
    (place / "report.html").write_text("<html></html>")
sys.exit(options.exit)
