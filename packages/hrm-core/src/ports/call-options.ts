/** Settings that every call of a port takes. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * On whose behalf: an API key, a tenant. Work of different owners takes turns, and near its bound a queue takes no more than a
   * share from one. Without it all work is one owner's.
   */
  readonly owner?: string | undefined;
}
