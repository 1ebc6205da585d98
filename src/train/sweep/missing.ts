/** A rejection handler that gives a value where a file or folder is not there, and throws anything else on. */
export function whereMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
