import { RollcallError } from '../../src/errors.ts';

/** What is to happen at one instant of a run: its process dies there, or what it asked for fails. */
export interface Plan {
  readonly point: string;
  /** The how-manieth time that the run comes to the point; from 1. */
  readonly nth: number;
  readonly does: 'kill' | 'fail';
}

/** Lies in wait at every instant of one run. */
export interface Trap {
  /** The run is at this point. Throws where the plan says so, and ever after its process is dead. */
  hit(point: string): void;
  dead(): boolean;
  /** The plan came true. */
  sprung(): boolean;
}

/** Sets a trap. */
export function setTrap(plan: Plan | null): Trap {
  let times = 0;
  let dead = false;
  let sprung = false;
  const killed = (): Error => new Error('the process is dead');
  return {
    hit(point) {
      if (dead) throw killed();
      if (plan === null || sprung || point !== plan.point) return;
      times += 1;
      if (times < plan.nth) return;
      sprung = true;
      if (plan.does === 'fail') throw new RollcallError('transient', `the network was lost: ${point}`);
      dead = true;
      throw killed();
    },
    dead: () => dead,
    sprung: () => sprung,
  };
}
