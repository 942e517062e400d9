// Monaco does its thinking in workers; build.js bundles each into a file of its own beside this script.
/* global WORKER_FILES */
globalThis.MonacoEnvironment = {
  getWorker(_id, label) {
    return new Worker(new URL(WORKER_FILES[label] ?? WORKER_FILES.editor, import.meta.url));
  },
};
