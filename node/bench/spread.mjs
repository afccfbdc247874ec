/** The median with the lowest and the highest. */
export function spread(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return `${sorted[sorted.length >> 1].toFixed(1)} (${sorted[0].toFixed(1)} to ${sorted.at(-1).toFixed(1)})`;
}
