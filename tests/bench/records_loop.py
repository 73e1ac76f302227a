"""The floor for records: inserts what is encoded already, so many at a time, durably, and looks at nothing.

Arguments: URI, database, a database to copy from, records of a chunk.
"""

import sys
import time

import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.write_concern import WriteConcern


def main(uri: str, database: str, model: str, chunk: int) -> None:
    with pymongo.MongoClient(uri) as client:
        raw = CodecOptions(document_class=RawBSONDocument)
        documents = list(client[model].get_collection("sales", codec_options=raw).find())
        collection = client[database].get_collection("sales", write_concern=WriteConcern("majority", j=True))
        print("ready", flush=True)  # noqa: T201 - to who measures
        sys.stdin.readline()
        for start in range(0, len(documents), chunk):
            collection.insert_many(documents[start : start + chunk], ordered=False)
        print(time.monotonic(), flush=True)  # noqa: T201 - to who measures
        sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
