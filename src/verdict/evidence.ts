export * from '#support/evidence.ts';
