"""Training steps of the reference T5 (Hugging Face transformers, torch eager, fp32, AdamW): prints JSON with milliseconds a step
and the process's peak memory, and that after the imports alone. Reads a JSON object of the shape from standard input."""

import json
import resource
import sys
import time

import torch
from transformers import T5Config, T5ForConditionalGeneration


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


o = json.load(sys.stdin)
base = peak_bytes()
torch.set_num_threads(o["threads"])
torch.manual_seed(0)
model = T5ForConditionalGeneration(
    T5Config(
        vocab_size=o["vocab"],
        d_model=o["dModel"],
        d_ff=o["dFf"],
        d_kv=o["dKv"],
        num_heads=o["heads"],
        num_layers=o["layers"],
        num_decoder_layers=o["layers"],
        dropout_rate=0.0,
        use_cache=False,
        decoder_start_token_id=0,
    )
)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=o["fused"])
times = []
for step in range(o["steps"] + 2):
    ids = torch.randint(3, o["vocab"], (o["batch"], o["encoderTokens"]))
    labels = torch.randint(3, o["vocab"], (o["batch"], o["decoderTokens"]))
    start = time.perf_counter()
    optimizer.zero_grad()
    loss = model(input_ids=ids, labels=labels).loss
    loss.backward()
    optimizer.step()
    loss.item()
    times.append((time.perf_counter() - start) * 1e3)
print(json.dumps({"times": times[2:], "peakBytes": peak_bytes(), "baseBytes": base, "torch": torch.__version__}))
