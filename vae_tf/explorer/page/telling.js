/** Tells people things, and asks for one thing at a time. */

/** One request in flight, the latest wish next; what was wished between is left out. */
export class Latest {
  constructor(work) { this.work = work; this.next = null; this.busy = false; this.times = []; }

  ask(wish) {
    this.next = { wish };
    if (!this.busy) this.run();
  }

  async run() {
    this.busy = true;
    while (this.next) {
      const { wish } = this.next;
      this.next = null;
      const began = performance.now();
      try { await this.work(wish); } catch (error) { tell(error.message); }
      this.times.push(performance.now() - began);
      if (this.times.length > 1000) this.times.shift();
    }
    this.busy = false;
  }
}

/** Says something to everybody, readers of the screen too. */
export function tell(message) {
  const place = document.getElementById("told");
  place.textContent = message;
  place.classList.toggle("shown", Boolean(message));
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => place.classList.remove("shown"), 6000);
}
