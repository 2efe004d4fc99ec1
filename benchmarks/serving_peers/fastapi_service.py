"""The same SavedModel behind FastAPI, written for speed: orjson reads and writes, uvloop and httptools serve.

Started by `serving_sides.py` as `uvicorn fastapi_service:app --workers N`.
"""

import os

import numpy as np
import orjson
import tensorflow as tf
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

app = FastAPI()
MODEL = tf.saved_model.load(os.environ["PEER_SAVED_MODEL"])
SIGNATURE = MODEL.signatures["reconstruct"]


def compute(body: bytes) -> bytes:
    """Return the answer to a request, both JSON."""
    x = np.array(orjson.loads(body)["instances"], np.float32)
    found = SIGNATURE(x=tf.constant(x.reshape(-1, 28, 28, 1)))["reconstruction"].numpy().reshape(x.shape)
    return orjson.dumps({"predictions": found}, option=orjson.OPT_SERIALIZE_NUMPY)


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Answer from a thread, so that others are read meanwhile."""
    answer = await run_in_threadpool(compute, await request.body())
    return Response(answer, media_type="application/json")
