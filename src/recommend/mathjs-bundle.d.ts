declare module 'mathjs/lib/browser/math.js' {
  import type { Unit } from 'mathjs';

  const mathjs: {
    create(config: { readonly number: 'BigNumber' }): { unit(text: string): Unit };
  };
  export default mathjs;
}
