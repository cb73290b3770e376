/** English. */
export const en = {
  /** The language in itself. */
  name: 'English',
  locale: 'en-GB',
  nav: {
    skip: 'Skip to the content',
    pages: 'Pages',
    heartRate: 'Heart rate',
    addFiles: 'Add files',
    liveDevice: 'Live device',
    status: 'System',
    api: 'API',
    signOut: 'Sign out',
    language: 'Language',
  },
  shared: {
    tryAgain: 'Try again',
    user: 'User',
    userHint: 'user id',
    noIngest: 'This API key may not send readings: it lacks the scope ingest. Sign in with another key.',
    /** @param seconds - whole. */
    waiting: (seconds: number) => `The server does not take readings now. Next try in ${seconds} s.`,
  },
  drops: {
    absent: 'the device had no value',
    no_contact: 'no skin contact',
    too_low: 'below 30 bpm',
    too_high: 'above 220 bpm',
    low_confidence: 'the device does not trust it',
    no_time: 'no usable time',
    duplicate: 'twice in the file',
    damaged: 'damaged',
    summary: 'an average or another summary',
  } as Readonly<Record<string, string>>,
  device: {
    title: 'Live device',
    intro:
      'See your own heart within a minute. Put on a chest strap or an armband that sends its heart rate over Bluetooth, and connect it here.',
    connect: 'Connect a strap',
    connecting: 'Connecting…',
    disconnect: 'Disconnect',
    bpm: 'bpm',
    watch: 'See it in the live view (another tab)',
    keepOpen: 'This page sends the readings: leave it open.',
    stateConnected: 'Connected.',
    stateLost: 'The connection to the device is lost: trying again…',
    stateEnded: 'Disconnected.',
    noContact: 'The sensor does not touch the skin: wet it, and tighten the strap.',
    accepted: 'Readings accepted',
    waitingReadings: 'Readings that wait here',
    lost: 'Readings lost',
    dropped: 'Values that are no heart rate',
    full: (bound: string) => `More than ${bound} readings wait: newer ones are lost until the server takes some.`,
    refused: (reason: string) => `The server refuses the readings: ${reason}`,
    unsent: (count: string) => `Readings that are not sent yet: ${count}. Leave this page open until they are.`,
    turnedOff: 'Bluetooth is off, or this machine has none. Turn it on, then connect.',
    failed: 'The device cannot be connected. Is it on, and does no other program use it?',
    missing: 'This browser cannot reach Bluetooth devices',
    insecure: 'This page was opened over plain HTTP. Browsers give Bluetooth only to HTTPS, and to localhost.',
    browsers:
      'Chrome, Edge and Opera can: on Android, Windows, macOS and ChromeOS. On Linux, Chrome needs the flag “Experimental Web Platform features”. Safari and Firefox cannot.',
    instead: 'What you can do instead:',
    insteadFile: 'Record with the device’s own app, export a file, and add it.',
    insteadGateway: 'Run a gateway next to the device: the example ble-gateway of this system shows one.',
  },
};

/** What every language has. */
export type Texts = typeof en;
