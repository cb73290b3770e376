/** Settings that every call of a port takes. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}
