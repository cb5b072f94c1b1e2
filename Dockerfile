# One image for web, workers and beat; --build-arg TORCH=cuda on hosts with NVIDIA GPUs.
FROM python:3.11-slim-bookworm
ARG TORCH=cpu
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 TORCH_EXTENSIONS_DIR=/opt/torch_extensions
RUN apt-get update && apt-get install -y --no-install-recommends g++ make tini && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements-cpu.txt requirements-cuda.txt ./
# PyTorch's build for processors lies on an index of its own.
RUN sed '/^# For development/,$d' requirements-$TORCH.txt > running.txt && sed -n '/^torch==/,/[^\\]$/p' running.txt > torch.txt && \
    if [ "$TORCH" = cpu ]; then pip install --no-deps --require-hashes -r torch.txt --index-url https://download.pytorch.org/whl/cpu; fi && \
    pip install --no-deps --require-hashes -r running.txt && rm running.txt torch.txt
COPY . .
ENV PYTHONPATH=/app:/app/platform:/app/client
RUN python tools/translations.py compile && python -m trainer.build_ops
# Another processor than this one has its functions compiled anew, by the user who trains there.
RUN useradd --create-home luthier && mkdir -p /data && chown luthier /data && chown -R luthier /opt
USER luthier
ENV LUTHIER_HOME=/data
# tini is the init process: a worker's end must not take a trainer along, and nobody else would reap it.
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "uvicorn", "console.web:application", "--app-dir", "platform", "--host", "0.0.0.0", "--port", "8000"]
