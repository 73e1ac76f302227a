"""The floor: the least that any single thread must do. Arguments as in collecting.py, and a database to copy from.

Opens, reads, closes; inserts documents encoded beforehand, 1,000 at a time, durably; renames. Nothing is looked at.
"""

import os
import sys
import time
from pathlib import Path

import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.write_concern import WriteConcern


def main(data_dir: str, uri: str, database: str, files: int, model: str) -> None:
    with pymongo.MongoClient(uri) as client:
        raw = CodecOptions(document_class=RawBSONDocument)
        documents = list(client[model].get_collection("commandes", codec_options=raw).find(limit=files))
        collection = client[database].get_collection("commandes", write_concern=WriteConcern("majority", j=True))
        away = Path(data_dir) / "archive"
        away.mkdir()
        print("ready", flush=True)  # noqa: T201 - to who measures
        sys.stdin.readline()
        paths = [entry.path for folder in (Path(data_dir) / "sources").iterdir() for entry in os.scandir(folder)]
        paths = [path for path in paths if path.endswith(".json")]
        for start in range(0, files, 1000):
            batch = range(start, min(start + 1000, files))
            for number in batch:
                descriptor = os.open(paths[number], os.O_RDONLY)
                os.read(descriptor, 65536)
                os.close(descriptor)
            collection.insert_many(documents[start : start + 1000], ordered=False)
            for number in batch:
                os.rename(paths[number], f"{away}/{number}")  # noqa: PTH104 - the fastest way
        print(time.monotonic(), flush=True)  # noqa: T201 - to who measures
        sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]), sys.argv[5])
