/**
 * Tells whether a value has the form of many readings of one device, and not that of a reading: whatever more a reading has is ignored.
 */
export function isSeries(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if ('timestamp' in value && ('heart_rate' in value || 'heartRate' in value)) return false;
  return 'timestamps' in value || 'heart_rates' in value || 'heartRates' in value || 'start' in value;
}
