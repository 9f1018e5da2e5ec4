/** Numbers as files hold them. */

const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The numbers as all formats here store them; a view, where the host stores them so too. */
export function littleEndian(data: Float32Array | Int32Array): Uint8Array {
  if (hostIsLittleEndian) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const view = new DataView(new ArrayBuffer(data.byteLength));
  data.forEach((x, i) => {
    if (data instanceof Float32Array) view.setFloat32(4 * i, x, true);
    else view.setInt32(4 * i, x, true);
  });
  return new Uint8Array(view.buffer);
}
