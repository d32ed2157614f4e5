# Two images: the site, without torch (about 300 MB), and the worker with it.
FROM python:3.11-slim AS site
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PYTHONPATH=/tastemaker
WORKDIR /tastemaker
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY app app
COPY worker worker
COPY bench bench
RUN pip install --constraint constraints.txt --editable .
COPY . .
RUN useradd --system --create-home tastemaker && mkdir /data && chown tastemaker /data
USER tastemaker
VOLUME /data
EXPOSE 8000
CMD ["tastemaker", "serve", "--host", "0.0.0.0"]

FROM site AS worker
USER root
RUN pip install --constraint constraints.txt --editable '.[worker]'
USER tastemaker
CMD ["tastemaker", "worker", "--queue", "accelerator"]
