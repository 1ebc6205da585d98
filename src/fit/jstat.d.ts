declare module 'jstat' {
  const jstat: {
    readonly normal: {
      cdf(x: number, mean: number, sd: number): number;
      inv(p: number, mean: number, sd: number): number;
    };
    readonly chisquare: { inv(p: number, degrees: number): number };
    readonly studentt: { inv(p: number, degrees: number): number };
    readonly centralF: { cdf(x: number, numeratorDegrees: number, denominatorDegrees: number): number };
  };
  export default jstat;
}
