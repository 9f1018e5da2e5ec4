/** What an artifact says of its origin, under the same keys in every format. */

export interface ModelMetadata {
  /** archc's version. */
  readonly version: string;
  /** Of the source text, in hexadecimal. */
  readonly sourceSha256: string;
  /** Where the weights come from: a seed, or a file's name. */
  readonly weights: { readonly seed: number } | { readonly file: string };
}

export function metadataEntries(
  model: string,
  { version, sourceSha256, weights }: ModelMetadata,
): readonly (readonly [key: string, value: string])[] {
  return [
    ['archc.version', version],
    ['archc.model', model],
    ['archc.source_sha256', sourceSha256],
    'seed' in weights ? ['archc.seed', String(weights.seed)] : ['archc.weights', weights.file],
  ];
}
