/** The text of a script for Redis. */
declare module '*.lua' {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: it is how bundlers give a file's text.
  export default text;
}
