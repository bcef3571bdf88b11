/**
 * Seats that are applied for and offered: one's own application and its button, the list of applications for hosts, and
 * the dialog of an invitation. What is pending is the server's affair; this keeps a copy to show.
 */

import { avatar, byId, element, guarded, label, toast, toastError } from './dom.js';
import { say } from './words.js';

/** An application waits so long: hosts are busy. */
const WAITS_S = 300;

export class SeatRequests {
  #client;
  #names;
  #onSeated;
  #pending = new Map();
  #invitation = null;
  #drawn = '[]';

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {import('./names.js').Names} names
   * @param {() => Promise} onSeated  this member was given a seat it had asked for, or took one it was offered
   */
  constructor(client, names, onSeated) {
    this.#client = client;
    this.#names = names;
    this.#onSeated = onSeated;
    byId('invitation-yes').addEventListener('click', guarded(() => this.#answerInvitation(true)));
    byId('invitation-no').addEventListener('click', guarded(() => this.#answerInvitation(false)));
    byId('invitation').addEventListener('cancel', (event) => {
      event.preventDefault();
      this.#answerInvitation(false).catch(toastError);
    });
  }

  /** Whether this member would have to apply for a seat. */
  get mustApply() {
    const { room } = this.#client;
    return room !== null && room.seat_mode === 'apply' && room.self.seat === null && !this.#client.isHost;
  }

  /** One's own application, or null. */
  get own() {
    const isOwn = ({ kind, userid }) => kind === 'application' && userid === this.#client.userid;
    return [...this.#pending.values()].find(isOwn) ?? null;
  }

  /** Asks what is pending: after entering, after a lost connection, and when this member has become a host. */
  async refresh() {
    const { requests } = await this.#client.seatRequests();
    this.#pending = new Map(requests.map((request) => [request.request_id, request]));
    const isInvitation = ({ kind, userid }) => kind === 'invitation' && userid === this.#client.userid;
    this.#invite(requests.find(isInvitation) ?? null);
    this.#draw();
  }

  /** Takes a `seat.requested`. */
  requested(request) {
    this.#pending.set(request.request_id, request);
    const isOwn = request.userid === this.#client.userid;
    if (request.kind === 'invitation' && isOwn) this.#invite(request);
    if (request.kind === 'application' && !isOwn) toast(say('applied', { name: this.#names.of(request.userid) }));
    this.#draw();
  }

  /** Takes a `seat.request_ended`. */
  ended(request) {
    this.#pending.delete(request.request_id);
    if (this.#invitation?.request_id === request.request_id) this.#invite(null);
    this.#draw();
    const { kind, userid, by, outcome, ended_by: endedBy } = request;
    if (kind === 'application' && userid === this.#client.userid) this.#ownEnded(outcome);
    else if (kind === 'invitation' && by === this.#client.userid && endedBy !== by) this.#offerEnded(outcome, userid);
  }

  /** Applies, or takes the application back. */
  async toggle() {
    const { own } = this;
    if (own) await this.#client.cancelSeatRequest(own.request_id);
    else this.requested(await this.#client.applyForSeat({ timeout_s: WAITS_S }));
  }

  /** Nothing is pending any more. */
  stop() {
    this.#pending.clear();
    this.#invite(null);
  }

  #ownEnded(outcome) {
    if (outcome === 'accepted') {
      toast(say('application_accepted'));
      this.#onSeated();
    } else if (outcome === 'rejected') toast(say('application_rejected'));
    else if (outcome === 'timeout') toast(say('application_timeout'));
  }

  #offerEnded(outcome, userid) {
    const name = this.#names.of(userid);
    if (outcome === 'rejected') toast(say('invitation_rejected', { name }));
    if (outcome === 'timeout') toast(say('invitation_timeout', { name }));
  }

  // ---- An invitation ---------------------------------------------------------------------------------------------

  #invite(request) {
    this.#invitation = request;
    const dialog = byId('invitation');
    if (!request) return dialog.close();
    byId('invitation-by').textContent = say('invitation_by', { name: this.#names.of(request.by) });
    if (!dialog.open) dialog.showModal();
  }

  async #answerInvitation(accept) {
    if (!this.#invitation) return;
    const { request_id: id } = this.#invitation;
    await this.#client.answerSeatRequest(id, accept);
    this.#invite(null);
    if (accept) await this.#onSeated();
  }

  // ---- What shows ------------------------------------------------------------------------------------------------

  /** Draws again, for names and roles may have changed. */
  draw() {
    this.#draw();
  }

  #draw() {
    const { isHost } = this.#client;
    const applications = isHost ? [...this.#pending.values()].filter(({ kind }) => kind === 'application') : [];
    this.#showOwn();
    // The room changes with every word that is spoken; a list that did not change stays, and with it a click under way.
    const facts = JSON.stringify(applications.map(({ request_id: id, userid }) => [id, this.#names.of(userid)]));
    if (facts === this.#drawn) return;
    this.#drawn = facts;
    const list = byId('applications');
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.answer : undefined;
    list.replaceChildren(...applications.map((request) => this.#item(request)));
    if (focused) list.querySelector(`[data-answer="${CSS.escape(focused)}"]`)?.focus();
    byId('applications-part').hidden = applications.length === 0;
    byId('applications-count').textContent = String(applications.length);
  }

  #showOwn() {
    const { own, mustApply } = this;
    byId('waiting-notice').hidden = !own;
    const button = byId('take-seat');
    button.toggleAttribute('data-waiting', Boolean(own));
    if (own) button.querySelector('span').textContent = say('cancel_application');
    else if (mustApply) button.querySelector('span').textContent = say('apply_for_seat');
  }

  #item({ request_id: id, userid }) {
    const name = this.#names.of(userid);
    return element('li', { data: { request: id } }, [
      avatar(userid, name),
      element('span', { class: 'list-name', text: name }),
      this.#answerButton(id, true, name),
      this.#answerButton(id, false, name),
    ]);
  }

  #answerButton(id, accept, name) {
    const action = guarded(() => this.#client.answerSeatRequest(id, accept));
    const word = accept ? 'accept' : 'reject';
    const attributes = { class: accept ? 'primary small' : 'quiet small', type: 'button', text: say(word) };
    const button = element('button', { ...attributes, data: { answer: `${word}-${id}` }, on: { click: action } });
    label(button, say(accept ? 'accept_name' : 'reject_name', { name }));
    return button;
  }
}
