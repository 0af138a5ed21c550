import type { Issuer } from '#witness/issuer.ts';
import type { CourseScript } from '#verdict/course/script.ts';
import type { Scene } from '#verdict/scene.ts';

/** What a course stands on while it runs. */
export interface Ground {
  scene: Scene;
  script: CourseScript;
  /** Absent where no workload of the run is signed for from outside. */
  issuer?: Issuer;
  signal: AbortSignal;
}
