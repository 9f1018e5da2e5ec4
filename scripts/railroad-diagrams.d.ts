/** The part of `railroad-diagrams` that the grammar page uses; the package has no types. */
declare module 'railroad-diagrams' {
  interface Element {
    toString(): string;
  }
  type Item = Element | string;
  const railroad: {
    Diagram(...items: Item[]): Element;
    Sequence(...items: Item[]): Element;
    /** `normal` is the index of the item on the straight line. */
    Choice(normal: number, ...items: Item[]): Element;
    Optional(item: Item): Element;
    OneOrMore(item: Item, repeat?: Item): Element;
    ZeroOrMore(item: Item, repeat?: Item): Element;
    Terminal(text: string): Element;
    NonTerminal(text: string): Element;
    Skip(): Element;
  };
  export default railroad;
}
