/** One stream of requests, as the k6 script is told. Times in milliseconds, rates in requests per second. */
export interface ScriptStream {
  url: string;
  headers: Record<string, string>;
  rate: number;
  /** After the start of the load. */
  startMs: number;
  durationMs: number;
  /** From the start of the stream: its requests count, their latency does not. */
  warmUpMs: number;
  timeoutMs: number;
  /** Of a good answer: one that takes longer is told of by itself. */
  slowMs: number;
  /** The status that is no failure. */
  status: number;
  /** Clients held ready: the rate, times how long a backend may stall before requests are dropped. */
  clients: number;
  /** k6's own expressions: on the share of failures, and on latency in milliseconds. */
  thresholds: { failures: string[]; latency: string[] };
}

/** `input.json`, beside the script. Streams go by their place in it: k6 allows few characters in a metric's name. */
export interface ScriptInput {
  streams: ScriptStream[];
}
