import json
import time

COUNT = 20_000
start = time.perf_counter()
total = 0
for k in range(COUNT):
    el, dl, d, ff, kv, h, v = 1 + k % 64, 12, 64 * (1 + k % 16), 3072, 64, 12, 32128
    s, t = 512, 114
    total += v * d + el * (4 * d * h * kv + 2 * d * ff + 2 * d) + dl * (8 * d * h * kv + 2 * d * ff + 3 * d) + 64 * h + 2 * d
    layer = 8 * d * h * kv + 4 * d * ff
    pair = 4 * h * kv
    forward = el * (s * layer + s * s * pair) + dl * (t * layer + t * t * pair + 4 * d * kv * h * (s + t) + s * t * pair)
    total += 3 * (forward + 2 * d * v * t)
print(json.dumps({'millionShapes': (time.perf_counter() - start) * 1e9 / COUNT}))
