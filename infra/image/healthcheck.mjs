// The image's health check: the service can do its work. Every service listens on the same port inside its container.
try {
  const answer = await fetch(`http://127.0.0.1:${process.env.PORT ?? 8080}/readyz`, {
    signal: AbortSignal.timeout(4_000),
  });
  if (!answer.ok) throw new Error(`/readyz answers ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
