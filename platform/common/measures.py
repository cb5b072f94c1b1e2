"""What this process measures of itself, in Prometheus' terms; /metrics shows it beside what the database knows.

Labels take few values: a route is its pattern, never an address, and no team, key or model is one.
"""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

HTTP_REQUESTS = Counter("luthier_http_requests", "Answered HTTP requests.", ["method", "route", "status"])
HTTP_SECONDS = Histogram(
    "luthier_http_request_seconds", "From a request to the end of its answer.", ["route"], buckets=SECONDS
)
HTTP_OPEN = Gauge("luthier_http_open_requests", "Requests that are being answered.")
EVENT_LOOP_LAG = Histogram(
    "luthier_event_loop_lag_seconds", "How much later than asked the web's event loop went on.", buckets=SECONDS
)
GATEWAY_REQUESTS = Counter("luthier_gateway_requests", "Questions to models, by how they ended.", ["outcome"])
GATEWAY_TOKENS = Counter("luthier_gateway_tokens", "Tokens of questions and of answers.", ["kind"])
GATEWAY_SECONDS = Histogram(
    "luthier_gateway_request_seconds", "From a question to the end of its answer.", buckets=SECONDS
)
GATEWAY_FIRST_TOKEN = Histogram(
    "luthier_gateway_first_token_seconds", "From a question to the first word of its answer.", buckets=SECONDS
)
