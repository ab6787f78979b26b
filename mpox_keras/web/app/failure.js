/** Something that the person can mend; `key` names its message in the language files. */
export class Failure extends Error {
  constructor(key, values = {}) {
    super(`${key} ${JSON.stringify(values)}`);
    this.key = key;
    this.values = values;
  }
}
