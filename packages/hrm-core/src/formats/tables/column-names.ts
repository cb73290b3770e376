/**
 * What people's tables call their columns, in the languages that spreadsheets write. Names are compared without marks above letters, units in
 * brackets, and signs between words.
 */

import { COLUMN_ROLES, type ColumnRole } from '../file-format.js';

const ENGLISH: Readonly<Record<ColumnRole, readonly string[]>> = {
  timestamp: [
    'timestamp',
    'datetime',
    'date time',
    'date and time',
    'start time',
    'start date',
    'start',
    'recorded at',
    'measured at',
    'epoch',
    'epoch ms',
    'epoch s',
    'unix',
    'unix time',
    'timestamp ms',
    'time stamp',
    'ts',
  ],
  date: ['date', 'day'],
  time: ['time', 'time of day', 'clock'],
  heart_rate: ['heart rate', 'heartrate', 'hr', 'bpm', 'pulse', 'pulse rate', 'beats per minute', 'heart beat'],
  device_id: ['device id', 'device', 'device name', 'source', 'source name', 'sensor'],
  user_id: ['user id', 'user', 'person', 'participant', 'patient'],
};

/** German, Spanish, French, Italian, Portuguese, Dutch, Polish, the Nordic ones, Czech, Hungarian, Turkish, Russian, Chinese, Japanese, Korean. */
const OTHERS: Readonly<Record<ColumnRole, readonly string[]>> = {
  timestamp: [
    'zeitstempel',
    'zeitpunkt',
    'datum uhrzeit',
    'datum und uhrzeit',
    'datum zeit',
    'fecha y hora',
    'fecha hora',
    'marca de tiempo',
    'date et heure',
    'date heure',
    'horodatage',
    'data e ora',
    'data ora',
    'data e hora',
    'data hora',
    'datum en tijd',
    'datum tijd',
    'tijdstip',
    'data i godzina',
    'data i czas',
    'znacznik czasu',
    'datum och tid',
    'dato og tid',
    'dato tid',
    'tidspunkt',
    'tidpunkt',
    'aikaleima',
    'datum a cas',
    'idopont',
    'tarih saat',
    'дата и время',
    'дата время',
    '日期时间',
    '日時',
    '일시',
  ],
  date: [
    'datum',
    'tag',
    'fecha',
    'dia',
    'data',
    'giorno',
    'dag',
    'dzien',
    'dato',
    'paiva',
    'tarih',
    'дата',
    '日期',
    '日付',
    '날짜',
  ],
  time: [
    'uhrzeit',
    'zeit',
    'hora',
    'heure',
    'ora',
    'orario',
    'tijd',
    'godzina',
    'czas',
    'tid',
    'aika',
    'cas',
    'ido',
    'saat',
    'время',
    '时间',
    '時刻',
    '時間',
    '시간',
  ],
  heart_rate: [
    'herzfrequenz',
    'herzrate',
    'puls',
    'frecuencia cardiaca',
    'ritmo cardiaco',
    'pulso',
    'pulsaciones',
    'ppm',
    'lpm',
    'fc',
    'frequence cardiaque',
    'rythme cardiaque',
    'pouls',
    'frequenza cardiaca',
    'battito',
    'battiti',
    'frequencia cardiaca',
    'batimentos',
    'hartslag',
    'hartfrequentie',
    'tetno',
    'hjartfrekvens',
    'hjertefrekvens',
    'hjerterytme',
    'syke',
    'tep',
    'tepova frekvence',
    'pulzus',
    'szivfrekvencia',
    'nabiz',
    'kalp atis hizi',
    'пульс',
    'чсс',
    '心率',
    '心拍数',
    '심박수',
  ],
  device_id: [
    'gerat',
    'quelle',
    'dispositivo',
    'fuente',
    'appareil',
    'apparaat',
    'bron',
    'urzadzenie',
    'enhet',
    'устройство',
    '设备',
    'デバイス',
    '기기',
  ],
  user_id: [
    'benutzer',
    'nutzer',
    'usuario',
    'utilisateur',
    'utente',
    'gebruiker',
    'uzytkownik',
    'пользователь',
    '用户',
    'ユーザー',
    '사용자',
  ],
};

/** Where a table has what. */
export interface Columns {
  readonly places: Readonly<Partial<Record<ColumnRole, number>>>;
  /** A column has its name in a language in which the day stands before the month. */
  readonly isDayFirst: boolean;
}

/**
 * Finds the columns of a header; `null` where heart rates or times have none.
 * @param mapping - the names of columns by what they are of, where somebody says.
 */
export function findColumns(
  names: readonly string[],
  mapping: Readonly<Partial<Record<ColumnRole, string>>> = {},
): Columns | null {
  const plain = names.map(plainName);
  const places: Partial<Record<ColumnRole, number>> = {};
  let isDayFirst = false;
  for (const role of COLUMN_ROLES) {
    const given = mapping[role];
    const [english, other] = [ENGLISH[role], OTHERS[role]];
    let place = given === undefined ? -1 : plain.indexOf(plainName(given));
    if (given === undefined) {
      place = plain.findIndex((name) => english.includes(name));
      if (place === -1) {
        place = plain.findIndex((name) => other.includes(name));
        isDayFirst ||= place !== -1;
      }
    }
    if (place !== -1) places[role] = place;
  }
  const hasTime = places.timestamp !== undefined || places.date !== undefined || places.time !== undefined;
  return places.heart_rate === undefined || !hasTime ? null : { places, isDayFirst };
}

/** Letters without their marks, words with one blank between, and no unit: `Fréquence_cardiaque (bpm)` is `frequence cardiaque`. */
function plainName(name: string): string {
  const bare = name
    .slice(0, MAX_NAME_LENGTH)
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .normalize('NFC')
    .toLowerCase();
  const bracket = bare.search(/[[(]/);
  return (bracket > 0 ? bare.slice(0, bracket) : bare)
    .replace(/[^\p{L}\p{N}]/gu, ' ')
    .replaceAll('ı', 'i')
    .replaceAll('ł', 'l')
    .split(' ')
    .filter((word) => word !== '')
    .join(' ');
}

const MAX_NAME_LENGTH = 100;
