/** Exit codes of a worker that a batch script acts on. */
export const workerExits = {
  /** The run has ended, or another works on it. */
  ended: 0,
  /** Another attempt is due. */
  again: 75,
  /** Stopped, with something gained. */
  stopped: 76,
  /** Stopped, with nothing gained. */
  idle: 77,
} as const;

/** A word of a shell's command line. */
export function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The batch script of an array: a task makes the run of its index. Attempts are bounded by the sweep's folder, which a worker that was killed
 * counts in when the next one of its task comes. Near the limit of its time a task stops its run and goes back into the queue, unless nothing was gained.
 *
 * @param commandOf - Words of a worker's command; the name of its task is a variable of the shell.
 */
export function batchScript(
  runs: readonly string[],
  commandOf: (runId: string, task: string) => readonly string[],
): string {
  const [run, task] = ['@RUN@', '@TASK@'];
  const command = commandOf(run, task)
    .map((word) => (word === run ? '"$run"' : word === task ? '"$task"' : shellQuoted(word)))
    .join(' ');
  return `#!/bin/bash
runs=(${runs.join(' ')})
run=\${runs[$SLURM_ARRAY_TASK_ID]}
task=slurm-\${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
stop=
child=
# Bash runs a trap once the command at hand is over, but for wait.
trap 'stop=limit; kill -TERM $child' USR1
trap 'stop=cancelled; kill -TERM $child' TERM
wait_for_child() {
  child=$!
  [ -z "$stop" ] || kill -TERM $child
  wait $child
  code=$?
  while kill -0 $child 2> /dev/null; do
    wait $child
    code=$?
  done
}
code=${workerExits.idle}
for ((tries = 1; tries <= ${mostTries}; tries++)); do
  [ -z "$stop" ] || break
  ${command} &
  wait_for_child
  # Beside another attempt that is due: a worker that a signal ended, which the next one counts.
  if [ -n "$stop" ] || { [ $code != ${workerExits.again} ] && [ $code -le 128 ]; }; then break; fi
  last=$code
  sleep $tries &
  wait_for_child
  code=$last
done
if [ "$stop" = limit ] && [ $code = ${workerExits.stopped} ]; then scontrol requeue \${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi
exit $code
`;
}

/** Workers that a task starts one after the other, for those that end before they can count. */
const mostTries = 20;
