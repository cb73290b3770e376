/** What is used of a package that need not be there: who gives keys needs none of it. */
declare module '@aws-sdk/credential-provider-node' {
  export function defaultProvider(): (options?: { readonly forceRefresh?: boolean }) => Promise<{
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
    readonly expiration?: Date;
  }>;
}
