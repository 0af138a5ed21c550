/** The proxy that speaks for a workload: its sidecar, or what carries a Gateway. */
export interface WorkloadProxy {
  container: string;
  adminPort: number;
}

/** A workload of a scene, running: one pod, with what is known of it. */
export interface Workload {
  name: string;
  namespace: string;
  sidecar: boolean;
  /** What is asked about calls; absent where nothing but the application could answer. */
  proxy?: WorkloadProxy;
  pod: string;
  podIP: string;
  /** Where a Gateway is reached: the address that a load balancer gave it. */
  address?: string;
  labels: Record<string, string>;
  /** Ports that its containers declare; of a Gateway's proxy, those of its HTTP listeners. */
  ports: number[];
  /** True for those roles of the fixture that keep receipts. */
  receives: boolean;
}

/** Whether a pod is ready, and meant to stay. */
export const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status: now }) => type === 'Ready' && now === 'True') === true;

interface ContainerStatus {
  state?: { waiting?: { reason?: string; message?: string } };
}
/** A pod, as far as a scene looks at it. */
export interface Pod {
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    deletionTimestamp?: Date;
  };
  spec: { containers: { name: string; args?: string[]; ports?: { name?: string; containerPort: number }[] }[] };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}
