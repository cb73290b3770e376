/** The calls that erase, and tell how far that is. */
import { type EraseComponents, erase, erasureStatus, type Storage } from 'hrm-core';
import { OPERATIONS, readQuery, readSegment } from 'hrm-core/schemas';
import type { Settings } from 'hrm-core/settings';
import { notFoundError } from '../api/problem.js';
import { type Handler, jsonResponse } from './handler.js';

/** Erases readings of a user. A client that leaves has them erased all the same. */
export function eraseReadings(
  components: EraseComponents,
  { naiveTimestamps }: Partial<Pick<Settings, 'naiveTimestamps'>>,
): Handler {
  return async (call) => {
    const { path, parameters } = OPERATIONS.erase;
    const { url = '' } = call.incoming;
    const userId = readSegment(url, path, 'user_id');
    call.access.requireUser(userId);
    const { device_id: deviceId, start, end } = readQuery(url, parameters);
    const { id, until } = await erase(
      components,
      { userId, deviceId, start, end },
      { naiveTimestamps, wireNames: true },
    );
    return jsonResponse({ headers: { ...call.headers, Location: `/erasures/${id}` } }, 202, { id, until });
  };
}

/** Tells how far an erasure is. Whoever has its id may know: it is random, and the answer names nobody. */
export function answerErasure({ storage }: { readonly storage: Storage }): Handler {
  return async (call) => {
    const { url = '' } = call.incoming;
    const { path, parameters } = OPERATIONS.erasure;
    readQuery(url, parameters);
    const id = readSegment(url, path, 'id');
    const status = await erasureStatus({ storage }, id);
    if (status === null) throw notFoundError();
    return jsonResponse(call, 200, status);
  };
}
