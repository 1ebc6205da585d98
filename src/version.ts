/** The version of this package, written into the files it makes. */
export const version = '0.1.0';
