import { answer, missing, type Expectation, type Question } from '#verdict/expectation.ts';

/** The backend really received the call, exactly once. */
export function receivedBy(workload: string): Expectation {
  return (probe) => {
    const question: Question = { expectation: 'received', kind: 'receipt', from: workload, expected: 'one receipt' };
    const silent = noReceipts(probe, workload);
    if (silent !== undefined) return [missing(question, silent)];
    const count = own(probe, workload).length;
    return [answer(question, count === 1, `${count} receipts`)];
  };
}

/** The call never reached the backend: a denial that holds. */
export function notReceivedBy(workload: string): Expectation {
  return (probe) => {
    const question: Question = { expectation: 'not-received', kind: 'receipt', from: workload, expected: 'no receipt' };
    const silent = noReceipts(probe, workload);
    if (silent !== undefined) return [missing(question, silent)];
    const [first] = own(probe, workload);
    return [answer(question, first === undefined, first ? `received ${first.method} ${first.path}` : 'no receipt')];
  };
}

/** The application saw this caller in x-forwarded-client-cert; null: no such header at all. */
export function callerSeenBy(workload: string, principal: string | null): Expectation {
  return (probe) => {
    const question: Question = {
      expectation: principal === null ? 'no-caller-identity' : 'caller-identity',
      kind: 'receipt',
      from: workload,
      expected: principal === null ? 'no x-forwarded-client-cert' : `x-forwarded-client-cert URI=${principal}`,
    };
    const silent = noReceipts(probe, workload);
    if (silent !== undefined) return [missing(question, silent)];
    const [first] = own(probe, workload);
    if (first === undefined) return [answer(question, false, 'no receipt')];
    const header = first.headers['x-forwarded-client-cert'];
    const seen = first.peer.uri === null ? (header ?? 'no x-forwarded-client-cert') : `URI=${first.peer.uri}`;
    return [answer(question, principal === null ? header === undefined : first.peer.uri === principal, seen)];
  };
}

const own = (probe: Parameters<Expectation>[0], workload: string) =>
  (probe.receipts ?? []).filter(({ pod }) => podOf(workload).test(pod));

/** Pods of a Deployment are named after it, its template's hash and five letters. */
const podOf = (workload: string): RegExp => new RegExp(`^${RegExp.escape(workload)}(-[a-z0-9]+-[a-z0-9]{5})?$`);

function noReceipts(probe: Parameters<Expectation>[0], workload: string): string | undefined {
  if (probe.receipts === undefined) return 'no backend was asked';
  return probe.silent.find(({ witness }) => witness === `receipts of ${workload}`)?.reason;
}
