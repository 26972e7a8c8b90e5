import { Controller, type DynamicModule, Module, type Provider } from '@nestjs/common'

type Class = new () => object

/** A root module, as a class with decorators would be one. */
export function moduleOf(imports: DynamicModule[], controllers: Class[], providers: Provider[] = []): Class {
  class Root {}
  Module({ imports, controllers, providers })(Root)
  return Root
}

/** A controller with one handler. */
export function controllerWith(
  path: string,
  handle: (...args: never[]) => unknown,
  ...decorators: ((target: object, name: string, property: PropertyDescriptor) => unknown)[]
): Class {
  class One {}
  Object.defineProperty(One.prototype, 'handle', { value: handle, configurable: true })
  const property = Object.getOwnPropertyDescriptor(One.prototype, 'handle') as PropertyDescriptor
  for (const decorate of decorators) decorate(One.prototype, 'handle', property)
  Controller(path)(One)
  return One
}
