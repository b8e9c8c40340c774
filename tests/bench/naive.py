"""The plain way to see what changed: parse all, keep a dictionary by id, compare it with the last one.

    naive.py URL PAGES    lists the pages twice, and prints how long the second time took
"""

import http.client
import json
import sys
import time
from urllib.parse import urlsplit


def listing(connection, path, pages):
    found = {}
    for page in range(1, pages + 1):
        connection.request("GET", path if page == 1 else f"{path}?page={page}")
        for item in json.loads(connection.getresponse().read())["Snapshots"]:
            found[item["SnapshotId"]] = item
    return found


def main(url, pages):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    last = listing(connection, parts.path, pages)
    began = time.monotonic()
    now = listing(connection, parts.path, pages)
    changes = [id for id, item in now.items() if last.get(id) != item] + [id for id in last if id not in now]
    print(json.dumps({"items": len(now), "changes": len(changes), "seconds": time.monotonic() - began}))


main(sys.argv[1], int(sys.argv[2]))
